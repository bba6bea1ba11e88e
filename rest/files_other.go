//go:build !unix

package rest

// defaultConnections has no limit of files to respect here.
func defaultConnections() int { return maxConnections }
