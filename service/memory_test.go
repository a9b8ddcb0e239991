package service_test

import (
	"testing"

	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/service/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) service.Store { return new(service.Memory) })
	storetest.RunLive(t, func(*testing.T) service.LiveStore { return new(service.Memory) })
}
