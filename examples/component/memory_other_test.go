//go:build !linux

package main

// peakMemory is what the process has of the machine's memory, in bytes, where the system
// does not tell the most that it had.
func (c *serving) peakMemory() int { return int(c.metric("process_resident_memory_bytes")) }
