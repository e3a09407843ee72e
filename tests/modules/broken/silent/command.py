process = "no function"
