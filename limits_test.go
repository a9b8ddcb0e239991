package muc

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLimitsHaveDefaults: with no limit set, everything has one.
// rows: L12
func TestLimitsHaveDefaults(t *testing.T) {
	limits := reflect.ValueOf(Limits{}.withDefaults())
	for i := range limits.NumField() {
		assert.Positive(t, limits.Field(i).Int(), limits.Type().Field(i).Name)
	}
}
