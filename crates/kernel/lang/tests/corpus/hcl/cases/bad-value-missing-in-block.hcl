b { a = }
