package muc

import "flag"

// Update makes the tests of generated documents write them instead of checking
// them: go test . -run TestDocs -update.
var Update = flag.Bool("update", false, "write generated documents instead of checking them")
