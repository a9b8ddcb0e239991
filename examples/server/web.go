package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// web are the pages, and which Converse.js they are for.
//
//go:embed web
var web embed.FS

// fetchTime is how long npm may take.
const fetchTime = 2 * time.Minute

// page serves a page to chat on: Converse.js, or if that cannot be had a small one of our own.
func page(ctx context.Context, set *settings, mux *http.ServeMux, log *slog.Logger) error {
	files, err := fs.Sub(web, "web")
	if err != nil {
		return err
	}
	name := "converse"
	dist, err := converse(ctx, files, log)
	if err != nil {
		log.Warn("a small page instead of Converse.js", "error", err)
		name = "plain"
	} else {
		mux.Handle("GET /converse/", headers(http.StripPrefix("/converse/", http.FileServerFS(dist))))
	}
	config := map[string]any{"domain": set.domain, "room": "lobby@" + set.rooms, "people": []string{}}
	if set.demo() {
		config["people"] = demoPeople // whose passwords are their names
	}
	mux.Handle("GET /config.json", headers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(config)
	})))
	mux.Handle("GET /{$}", headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, name+".html")
	})))
	for _, file := range []string{"page.css", "page.js", name + ".js"} {
		mux.Handle("GET /"+file, headers(http.FileServerFS(files)))
	}
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

// converse is Converse.js, which npm fetches into the user's cache, once for each lock, and holds
// to what the lock names.
func converse(ctx context.Context, files fs.FS, log *slog.Logger) (fs.FS, error) {
	lock, err := fs.ReadFile(files, "package-lock.json")
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache = filepath.Join(cache, "gomuc")
	dir := filepath.Join(cache, fmt.Sprintf("converse-%.8x", sha256.Sum256(lock)))
	dist := filepath.Join(dir, "node_modules", "converse.js", "dist")
	if _, err := os.Stat(dist); errors.Is(err, fs.ErrNotExist) {
		log.Info("fetching Converse.js by npm")
		if err := fetch(ctx, files, cache, dir); err != nil {
			return nil, err
		}
	}
	_, err = os.Stat(dist)
	return os.DirFS(dist), err
}

// fetch has npm install what the lock names, in a directory that is there when it is whole.
func fetch(ctx context.Context, files fs.FS, cache, dir string) error {
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(cache, "npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	if err := os.CopyFS(temporary, files); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = temporary
	if said, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm: %w %s", errors.Join(ctx.Err(), err), said)
	}
	return os.Rename(temporary, dir)
}
