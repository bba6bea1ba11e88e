// Package mm2conf reads the file of MirrorMaker's dedicated mode (mm2.properties): which clusters there are, which flows run
// between them, and with what properties the worker and the three connectors of each flow are made. Its rules are those of
// Kafka's MirrorMakerConfig, key by key; what is wrong is told by property, value and what is allowed.
//
// It is pure: references to config providers are resolved by a function that is handed in, nothing is read or opened here.
package mm2conf
