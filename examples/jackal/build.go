package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	jackalModule  = "github.com/ortuman/jackal"
	serverPackage = "github.com/gomuc/muc/examples/jackal/server"
)

//go:embed components.patch
var patch []byte

// build makes the server, with a jackal to which components.patch has been applied. The
// patched copy and the workspace that puts it in the place of the original are made in a
// directory that is removed afterwards: nothing in the checkout changes. It needs go and
// git, and works in the directory of the checkout or below.
func build(ctx context.Context, program string) (err error) {
	tmp, err := os.MkdirTemp("", "jackal")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	copied := filepath.Join(tmp, "jackal")
	original, err := run(ctx, nil, "go", "list", "-m", "-f", "{{.Dir}}", jackalModule)
	if err != nil {
		return err
	}
	if err := os.CopyFS(copied, os.DirFS(original)); err != nil {
		return err
	}
	// The directory of a checkout around it would be taken for that of the patch.
	if _, err := run(ctx, []string{"GIT_CEILING_DIRECTORIES=" + tmp}, "git", "-C", copied, "apply", "-"); err != nil {
		return err
	}
	work, err := workspace(ctx, tmp)
	if err != nil {
		return err
	}
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	_, err = run(ctx, []string{"GOWORK=" + work}, "go", "build", "-tags", "patched", "-o", program, serverPackage)
	return err
}

// workspace writes the workspace of the checkout anew, with the patched copy in it.
func workspace(ctx context.Context, tmp string) (file string, err error) {
	present, err := run(ctx, nil, "go", "env", "GOWORK")
	if err != nil {
		return "", err
	}
	if present == "" || present == "off" {
		return "", errors.New("this works in the workspace of a checkout only")
	}
	text, err := run(ctx, nil, "go", "work", "edit", "-json", present)
	if err != nil {
		return "", err
	}
	var old struct {
		Go      string
		Use     []struct{ DiskPath string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal([]byte(text), &old); err != nil {
		return "", err
	}
	var anew strings.Builder
	fmt.Fprintf(&anew, "go %s\n", old.Go)
	for _, use := range old.Use {
		fmt.Fprintf(&anew, "use %q\n", filepath.Join(filepath.Dir(present), use.DiskPath))
	}
	for _, r := range old.Replace {
		fmt.Fprintf(&anew, "replace %s %s => %q\n", r.Old.Path, r.Old.Version, filepath.Join(filepath.Dir(present), r.New.Path))
	}
	fmt.Fprintf(&anew, "replace %s => ./jackal\n", jackalModule)
	sums, err := os.ReadFile(present + ".sum")
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, "go.work.sum"), sums, 0o600)
	}
	if err == nil {
		file = filepath.Join(tmp, "go.work")
		err = os.WriteFile(file, []byte(anew.String()), 0o600)
	}
	return file, err
}

// run runs a command, which is given the patch, and returns what it says.
func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(patch), &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &errs)
	}
	return strings.TrimSpace(out.String()), nil
}
