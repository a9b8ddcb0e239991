module github.com/gomuc/muc/internal/proptest

go 1.26.0

require (
	github.com/beevik/etree v1.8.1
	github.com/gomuc/muc v0.1.0
	pgregory.net/rapid v1.3.0
)

require golang.org/x/text v0.44.0 // indirect
