// Package ns has the namespaces that rooms and services use. No other package spells
// one out.
package ns
