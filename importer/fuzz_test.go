package importer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/importer"
	"github.com/gomuc/muc/service"
)

// imported checks that what was imported, whatever it was, are rooms that can be loaded.
func imported(t *testing.T, src importer.Source, err error) {
	if err != nil {
		return
	}
	defer src.Close()
	g := newTarget(t)
	result, err := g.imports(src, importer.Options{Owner: muc.MustParseJID("prince@verona.example")})
	require.NoError(t, err)
	good, err := service.Check(t.Context(), g.config, func(room muc.JID, err error) { t.Error(room, err) })
	require.NoError(t, err)
	require.Equal(t, result.Rooms, good)
}

func FuzzProsody(f *testing.F) {
	list, err := os.ReadFile("testdata/prosody/conference%2elocalhost/muc_log/cellar.list")
	require.NoError(f, err)
	data, err := os.ReadFile("testdata/prosody/conference%2elocalhost/config/cellar.dat")
	require.NoError(f, err)
	f.Add(data, list)
	f.Fuzz(func(t *testing.T, data, list []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{"config": data, "muc_log": list} {
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
			end := map[string]string{"config": ".dat", "muc_log": ".list"}[name]
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, "cellar"+end), text, 0o600))
		}
		src, err := importer.Prosody(dir, "")
		imported(t, src, err)
	})
}

func FuzzEjabberd(f *testing.F) {
	dump, err := os.ReadFile("testdata/ejabberd.dump")
	require.NoError(f, err)
	f.Add(dump)
	f.Fuzz(func(t *testing.T, dump []byte) {
		name := filepath.Join(t.TempDir(), "dump")
		require.NoError(t, os.WriteFile(name, dump, 0o600))
		src, err := importer.Ejabberd(t.Context(), name, "")
		imported(t, src, err)
	})
}
