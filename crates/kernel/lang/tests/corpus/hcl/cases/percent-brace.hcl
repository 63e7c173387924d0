text = "50%{off"
