package scansion

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// played names the script that TestPlaysInChild plays.
const played = "SCANSION_TEST_PLAYED"

// TestPlaysInChild does nothing unless TestFailureNamesTheCaller runs it.
func TestPlaysInChild(t *testing.T) {
	if name := os.Getenv(played); name != "" {
		RunOptions(t, Options{}, name) // to blame
	}
}

// A script that fails is blamed on the line of the test that has it played.
func TestFailureNamesTheCaller(t *testing.T) {
	const script = "testdata/fail/kind.scs"
	src, err := os.ReadFile("run_test.go")
	require.NoError(t, err)
	before, _, found := bytes.Cut(src, []byte(" // to blame\n"))
	require.True(t, found)
	child := exec.Command(os.Args[0], "-test.run=^TestPlaysInChild$")
	child.Env = append(os.Environ(), played+"="+script)
	out, err := child.CombinedOutput()
	require.Error(t, err, "the script has to fail")
	assert.Contains(t, string(out), fmt.Sprintf("run_test.go:%d: %s:", bytes.Count(before, []byte("\n"))+1, script))
}
