b {
	x = 1
		yyy   =   2
}
