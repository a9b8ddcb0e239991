package cluster_test

import (
	"testing"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/enginetest"
)

// inMemory connects all nodes to the same memory.
type inMemory struct{ *cluster.Memory }

func (m inMemory) Connect(*testing.T) enginetest.Engine {
	return enginetest.Engine{Log: m, Owners: m, Bus: m}
}

func TestMemory(t *testing.T) {
	enginetest.Run(t, func(*testing.T) enginetest.Cluster { return inMemory{cluster.NewMemory()} })
}
