package workerconf

// Markdown renders the reference of a worker's properties, with headings from the given level on.
func Markdown(level int) string { return Def().Markdown(level) }
