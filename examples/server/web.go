package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// web are the pages, and which Converse.js they are for.
//
//go:embed web
var web embed.FS

// fetchTime is how long npm may take.
const fetchTime = 2 * time.Minute

// pageConfig is what a page has to know of the server.
type pageConfig struct {
	Domain string   `json:"domain"`
	Room   string   `json:"room"`
	People []string `json:"people"` // whose passwords are their names
}

// page serves a page to chat on: Converse.js, or if that cannot be had a small one of our own.
func page(ctx context.Context, set *settings, mux *http.ServeMux, log *slog.Logger) error {
	name := "converse"
	dist, err := converse(ctx, func(version string) { log.Info("fetching Converse.js by npm", "version", version) })
	if err != nil {
		log.Warn("a small page instead of Converse.js", "error", err)
		name = "plain"
	} else {
		mux.Handle("GET /converse/", headers(http.StripPrefix("/converse/", http.FileServerFS(dist))))
	}
	config := pageConfig{Domain: set.domain, Room: "lobby@" + set.rooms, People: []string{}}
	if set.demo() {
		config.People = demoPeople
	}
	said, err := json.Marshal(config)
	if err != nil {
		return err
	}
	files, err := fs.Sub(web, "web")
	if err != nil {
		return err
	}
	mux.Handle("GET /{$}", headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, name+".html")
	})))
	for _, file := range []string{"page.css", "page.js", name + ".js"} {
		mux.Handle("GET /"+file, headers(http.FileServerFS(files)))
	}
	mux.Handle("GET /config.json", headers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(said)
	})))
	return nil
}

// headers let a page run nothing but what the server gives it.
func headers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "+
			"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; connect-src 'self' ws: wss: data:; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// locked is which Converse.js the lock names.
func locked() (version, integrity string, err error) {
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	text, err := web.ReadFile("web/package-lock.json")
	if err == nil {
		err = json.Unmarshal(text, &lock)
	}
	p := lock.Packages["node_modules/converse.js"]
	return p.Version, p.Integrity, err
}

// converse are the files of Converse.js. npm fetches the package once; it is kept in the user's
// cache, and nothing is taken of it but what the lock names.
func converse(ctx context.Context, fetching func(version string)) (fs.FS, error) {
	version, integrity, err := locked()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache = filepath.Join(cache, "gomuc")
	file := filepath.Join(cache, "converse.js-"+version+".tgz")
	packed, err := os.ReadFile(file)
	if err == nil {
		err = check(packed, integrity)
	}
	if err != nil {
		fetching(version)
		if err := errors.Join(os.MkdirAll(cache, 0o700), fetch(ctx, cache, version)); err != nil {
			return nil, err
		}
		if packed, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		if err := check(packed, integrity); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return unpack(packed, strings.TrimSuffix(file, ".tgz"))
}

// fetch has npm put a package into a directory.
func fetch(ctx context.Context, dir, version string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "pack", "--silent", "--ignore-scripts", "converse.js@"+version)
	npm.Dir = dir
	said, err := npm.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("npm: %w %s", cmp.Or(ctx.Err(), err), bytes.TrimSpace(said))
	}
	return err
}

// check compares a package to what a lock says of it.
func check(packed []byte, integrity string) error {
	sum := sha512.Sum512(packed)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != integrity {
		return errors.New("it is not what package-lock.json names")
	}
	return nil
}

// unpack writes what a browser needs of a package into a directory.
func unpack(packed []byte, dir string) (fs.FS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return root.FS(), nil
		}
		if err != nil {
			return nil, err
		}
		name, needed := strings.CutPrefix(head.Name, "package/dist/")
		if !needed || head.Typeflag != tar.TypeReg || strings.HasSuffix(name, ".map") {
			continue
		}
		text, err := io.ReadAll(files)
		if err == nil {
			err = errors.Join(root.MkdirAll(path.Dir(name), 0o700), root.WriteFile(name, text, 0o600))
		}
		if err != nil {
			return nil, err
		}
	}
}
