text = "$${literal}"
