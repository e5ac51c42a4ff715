module faasd/bench

go 1.26.0
