// package ns has the namespaces that rooms and services speak. No other package spells
// one out.
package ns
