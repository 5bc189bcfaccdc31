package s3

// syncFolder does nothing: Windows keeps names by itself, and folders cannot be
// synchronized there.
func syncFolder(string) error { return nil }
