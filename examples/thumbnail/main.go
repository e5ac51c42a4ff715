// A function that makes pictures small: a PNG, JPEG, GIF or WebP in, one of at
// most 256 by 256 pixels out, or as many as ?size= says. Built by `make
// examples`, as a program and, of the same code, for WebAssembly.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/url"
	"os"
	"strconv"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

const (
	maxBytes    = 32 << 20 // of the picture as it comes
	maxPixels   = 32 << 20 // of it when decoded; each takes 4 bytes
	defaultSize = 256      // pixels of the longer side of a thumbnail
	maxSize     = 2048
	quality     = 85 // of JPEG, in percent
)

func main() {
	if err := run(os.Stdin, os.Stdout, os.Getenv("QUERY_STRING")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, query string) error {
	size, err := sizeOf(query)
	if err != nil {
		return err
	}
	picture, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return err
	}
	if len(picture) > maxBytes {
		return fmt.Errorf("the picture has more than %d bytes", maxBytes)
	}
	// Some hundred bytes can decode to gigabytes, so the header is looked at first.
	header, format, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("it is no picture that can be read: %w; send PNG, JPEG, GIF or WebP", err)
	}
	if header.Width <= 0 || header.Height <= 0 || header.Width > maxPixels/header.Height {
		return fmt.Errorf("the picture has %d by %d pixels, more than the %d that are allowed", header.Width, header.Height, maxPixels)
	}
	full, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("the picture is damaged: %w", err)
	}
	small := shrink(full, size)
	if format == "jpeg" {
		return jpeg.Encode(out, small, &jpeg.Options{Quality: quality})
	}
	return png.Encode(out, small)
}

// sizeOf reads how large a thumbnail may be from the query.
func sizeOf(query string) (int, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return 0, fmt.Errorf("the query cannot be read: %w", err)
	}
	if !values.Has("size") {
		return defaultSize, nil
	}
	size, err := strconv.Atoi(values.Get("size"))
	if err != nil || size < 1 || size > maxSize {
		return 0, errors.New("size is a number of pixels from 1 to " + strconv.Itoa(maxSize))
	}
	return size, nil
}

// shrink scales a picture such that neither side is longer than so many pixels;
// a small one stays as it is.
func shrink(full image.Image, size int) image.Image {
	w, h := full.Bounds().Dx(), full.Bounds().Dy()
	longer := max(w, h)
	if longer <= size {
		return full
	}
	small := image.NewRGBA(image.Rect(0, 0, max(1, w*size/longer), max(1, h*size/longer)))
	draw.CatmullRom.Scale(small, small.Bounds(), full, full.Bounds(), draw.Src, nil)
	return small
}
