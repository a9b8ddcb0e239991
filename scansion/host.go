package scansion

import (
	"maps"

	"github.com/gomuc/muc"
)

// builtinCommands are the commands of `host:` lines.
var builtinCommands = map[string]Command{
	"vanish": func(args string) (muc.Command, error) {
		jid, err := muc.ParseJID(args)
		return muc.Vanished{JID: jid}, err
	},
}

func commands(o Options) map[string]Command {
	all := maps.Clone(builtinCommands)
	maps.Copy(all, o.Commands)
	return all
}
