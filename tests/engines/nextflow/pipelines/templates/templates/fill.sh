#!/bin/bash
echo "$word" | tr a-z A-Z > out.txt
