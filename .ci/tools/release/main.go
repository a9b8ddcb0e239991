// Release writes the modules of the workspace, as they are in HEAD, into a directory
// that the go command takes for a module proxy: what it would find if HEAD were tagged.
// It refuses modules that could not be used when they are published.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/zip"
)

const root = "github.com/gomuc/muc"

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: release REPOSITORY VERSION PROXY")
	}
	if err := release(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func release(repository, version, proxy string) error {
	if !semver.IsValid(version) {
		return fmt.Errorf("%s is no version", version)
	}
	dirs, err := published(repository)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		mod := module.Version{Path: path.Join(root, dir), Version: version}
		if err := errors.Join(check(filepath.Join(repository, dir, "go.mod"), mod), publish(repository, dir, mod, proxy)); err != nil {
			return fmt.Errorf("%s: %w", mod.Path, err)
		}
		fmt.Println(path.Join(dir, version))
	}
	return nil
}

// published are the directories of the modules that others can import or install: those
// of the workspace that are not internal.
func published(repository string) ([]string, error) {
	name := filepath.Join(repository, "go.work")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork(name, text, nil)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, use := range work.Use {
		if dir := path.Clean(use.Path); !slices.Contains(strings.Split(dir, "/"), "internal") {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// check refuses a go.mod that works in this workspace only.
func check(name string, mod module.Version) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := modfile.Parse(name, text, nil)
	if err != nil {
		return err
	}
	if f.Module.Mod.Path != mod.Path {
		return fmt.Errorf("the module calls itself %s", f.Module.Mod.Path)
	}
	if len(f.Replace)+len(f.Exclude) > 0 {
		return errors.New("go install refuses modules with replace or exclude")
	}
	for _, r := range f.Require {
		if (r.Mod.Path == root || strings.HasPrefix(r.Mod.Path, root+"/")) && r.Mod.Version != mod.Version {
			return fmt.Errorf("it requires %s, not %s", r.Mod, mod.Version)
		}
	}
	return nil
}

// publish writes the files by which a proxy offers a version (go help goproxy).
func publish(repository, dir string, mod module.Version, proxy string) (err error) {
	escaped, err := module.EscapePath(mod.Path)
	if err != nil {
		return err
	}
	versions := filepath.Join(proxy, escaped, "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return err
	}
	at, err := exec.Command("git", "-C", repository, "log", "-1", "--format=%cI").Output()
	if err != nil {
		return fmt.Errorf("git log: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(repository, dir, "go.mod"))
	if err != nil {
		return err
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":%q}`, mod.Version, strings.TrimSpace(string(at)))
	for name, content := range map[string]string{mod.Version + ".mod": string(text), mod.Version + ".info": info, "list": mod.Version + "\n"} {
		if err := os.WriteFile(filepath.Join(versions, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	file, err := os.Create(filepath.Join(versions, mod.Version+".zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if dir == "." {
		dir = ""
	}
	return zip.CreateFromVCS(file, mod, repository, "HEAD", dir)
}
