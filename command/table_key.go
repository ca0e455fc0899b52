package command

var keyTable = []Spec{}
