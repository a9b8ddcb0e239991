module github.com/gomuc/muc/cmd/scansion

go 1.26.0

require (
	github.com/gomuc/muc v0.1.0
	github.com/stretchr/testify v1.12.1
	mellium.im/sasl v0.3.2
)

require (
	github.com/beevik/etree v1.8.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/crypto v0.27.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)
