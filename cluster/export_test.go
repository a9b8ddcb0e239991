package cluster

// SetLife sets what is random otherwise.
func (c *Config) SetLife(life string) { c.life = life }

// Kill ends a node as if its process had died.
func (n *Node) Kill() { n.halt() }
