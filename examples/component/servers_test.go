package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The component behind Debian's Prosody and ejabberd. That takes packages of Debian
// and some minutes, so it is played when it is asked for.
func TestBehindServers(t *testing.T) {
	if os.Getenv("MUC_SERVERS") == "" {
		t.Skip("not behind real servers: run .ci/servers, or set MUC_SERVERS=1; either may install packages of Debian")
	}
	ctx, stop := context.WithTimeout(t.Context(), 9*time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "../../.ci/servers").CombinedOutput()
	require.NoError(t, err, "%s", out)
}
