#!/usr/bin/env python3
with open("$text") as file:
    print("$text:", file.read())
