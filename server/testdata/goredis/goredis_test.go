// Package goredis talks to a server of NubDB as programs do that use go-redis. It is a
// module of its own so that NubDB itself does not depend on that.
package goredis

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// connect returns a client of the server that NUBDB_ADDR names.
func connect(t *testing.T, protocol int) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: os.Getenv("NUBDB_ADDR"), Protocol: protocol, DialerRetries: 1})
	t.Cleanup(func() { c.Close() })
	if err := c.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCommands(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		c, ctx := connect(t, protocol), t.Context()
		check(t, "SET", c.Set(ctx, "k", "v", time.Hour).Err())
		if v, err := c.Get(ctx, "k").Result(); err != nil || v != "v" {
			t.Errorf("GET: %q, %v", v, err)
		}
		if _, err := c.Get(ctx, "none").Result(); err != redis.Nil {
			t.Errorf("GET of nothing: %v", err)
		}
		if ttl, err := c.TTL(ctx, "k").Result(); err != nil || ttl <= 59*time.Minute || ttl > time.Hour {
			t.Errorf("TTL: %v, %v", ttl, err)
		}
		if n, err := c.IncrBy(ctx, "n", 41).Result(); err != nil || n != 41 {
			t.Errorf("INCRBY: %d, %v", n, err)
		}
		if ok, err := c.SetNX(ctx, "k", "w", 0).Result(); err != nil || ok {
			t.Errorf("SETNX: %v, %v", ok, err)
		}
		if all, err := c.MGet(ctx, "k", "none", "n").Result(); err != nil || len(all) != 3 || all[1] != nil || all[2] != "41" {
			t.Errorf("MGET: %v, %v", all, err)
		}
		if err := c.Incr(ctx, "k").Err(); err == nil || err.Error() != "ERR value is not an integer or out of range" {
			t.Errorf("INCR of a string: %v", err)
		}
		if f, err := c.IncrByFloat(ctx, "f", 0.5).Result(); err != nil || f != 0.5 {
			t.Errorf("INCRBYFLOAT: %v, %v", f, err)
		}
		var keys []string
		for it := c.Scan(ctx, 0, "*", 2).Iterator(); it.Next(ctx); {
			keys = append(keys, it.Val())
		}
		if len(keys) != 3 {
			t.Errorf("SCAN: %q", keys)
		}
		if c.Info(ctx, "server").Val() == "" || len(c.ConfigGet(ctx, "maxmemory").Val()) != 1 {
			t.Error("INFO or CONFIG GET")
		}
	}
}

func TestPipelineAndTransaction(t *testing.T) {
	c, ctx := connect(t, 3), t.Context()
	replies, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range 1000 {
			p.Incr(ctx, "n")
		}
		return nil
	})
	if err != nil || len(replies) != 1000 || replies[999].(*redis.IntCmd).Val() != 1000 {
		t.Errorf("pipeline: %v", err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for done := false; !done; { // a change in between makes EXEC fail
				err := c.Watch(ctx, func(tx *redis.Tx) error {
					n, err := tx.Get(ctx, "n").Int()
					if err != nil {
						return err
					}
					_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "n", n+1, 0).Err() })
					return err
				}, "n")
				if done = err == nil; !done && !errors.Is(err, redis.TxFailedErr) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if n, err := c.Get(ctx, "n").Int(); err != nil || n != 1010 {
		t.Errorf("n is %d, %v", n, err)
	}
}

func TestMessages(t *testing.T) {
	c := connect(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	subscription := c.PSubscribe(ctx, "news.*")
	defer subscription.Close()
	if _, err := subscription.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	check(t, "PUBLISH", c.Publish(ctx, "news.today", "hello").Err())
	if m, err := subscription.ReceiveMessage(ctx); err != nil || m.Channel != "news.today" || m.Payload != "hello" {
		t.Errorf("%v, %v", m, err)
	}
}

func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}
