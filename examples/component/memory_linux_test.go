package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"

	"github.com/stretchr/testify/require"
)

// peakMemory is the most that the process had of the machine's memory, in bytes.
func (c *serving) peakMemory() int {
	c.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.command.Process.Pid))
	require.NoError(c.t, err)
	line := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)
	require.NotNil(c.t, line)
	n, err := strconv.Atoi(string(line[1]))
	require.NoError(c.t, err)
	return n << 10
}
