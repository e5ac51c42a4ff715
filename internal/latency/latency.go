// Package latency keeps how long things took in the last minute, so that true
// percentiles can be told of many parts together: sketches are merged,
// percentiles never averaged. A sketch is a DDSketch
// (https://www.vldb.org/pvldb/vol12/p2195-masson.pdf) as
// github.com/DataDog/sketches-go keeps and encodes it.
package latency

import (
	"time"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
)

// Error is the largest relative error of a quantile.
const Error = 0.01

// least is what shorter times are taken for, ms: 1 µs.
const least = 0.001

// maxBins has room for every bin from the one of least to that of the longest
// Duration, so that none is collapsed into another.
const maxBins = 2048

var (
	bins     = newMapping()
	firstBin = bins.Index(least)
	lastBin  = bins.Index(millis(1<<63 - 1))
)

func newMapping() *mapping.CubicallyInterpolatedMapping {
	m, err := mapping.NewCubicallyInterpolatedMapping(Error)
	if err != nil {
		panic("latency: " + err.Error())
	}
	return m
}

// millis is a time in ms, least at least.
func millis(d time.Duration) float64 { return max(float64(d)/1e6, least) }
