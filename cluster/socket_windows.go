package cluster

// processLives is about the folders of sockets, which there are none of here.
func processLives(int) bool { return true }
