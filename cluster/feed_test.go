package cluster

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func appendInts(f *Feed[int], from, to int) {
	f.AppendAll(to-from, func(i int) int { return from + i })
}

func TestFeedTellsALossyReaderWhatItMissed(t *testing.T) {
	f := NewFeed[int](4, 0, nil)
	r := f.Reader(0, false)
	defer r.Close()
	appendInts(f, 0, 10)
	items, lost, done := r.Take(nil, 0)
	if !slices.Equal(items, []int{6, 7, 8, 9}) || lost != 6 || done {
		t.Fatalf("got %v, lost %d, done %v; want the last four, 6 lost, not done", items, lost, done)
	}
}

func TestFeedKeepsByteBound(t *testing.T) {
	f := NewFeed(100, 10, func(s string) int { return len(s) })
	for _, s := range []string{"aaaa", "bbbb", "cccc"} {
		f.Append(s, nil)
	}
	items, _, _ := f.Reader(0, false).Take(nil, 0)
	if !slices.Equal(items, []string{"bbbb", "cccc"}) {
		t.Fatalf("kept %q, want what fits into 10 bytes", items)
	}
	f.Append("an item that is larger than all the room", nil)
	if items, _, _ = f.Reader(0, false).Take(nil, 0); len(items) != 1 {
		t.Fatalf("kept %q, want the newest item alone", items)
	}
}

func TestFeedHoldsPublishersForALosslessReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed[int](4, 0, nil)
		r := f.Reader(0, true)
		var publishers sync.WaitGroup
		publishers.Go(func() { appendInts(f, 0, 100); f.Close() })
		synctest.Wait()
		if last := f.Last(); last != 4 {
			t.Fatalf("%d items were published while nobody read, want 4", last)
		}
		var got []int
		for {
			items, lost, err := r.Next(context.Background(), nil)
			if lost > 0 {
				t.Fatalf("a lossless reader lost %d", lost)
			}
			got = append(got, items...)
			if err == io.EOF {
				break
			}
		}
		r.Close()
		publishers.Wait()
		if len(got) != 100 || !slices.IsSorted(got) {
			t.Fatalf("got %d items, sorted %v; want all 100 in order", len(got), slices.IsSorted(got))
		}
	})
}

func TestFeedReleasesPublishersWhenTheReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed[int](4, 0, nil)
		r := f.Reader(0, true)
		var publishers sync.WaitGroup
		publishers.Go(func() { appendInts(f, 0, 100) })
		synctest.Wait()
		r.Close()
		publishers.Wait() // synctest fails the test if this never ends
	})
}

func TestFeedTakeLimit(t *testing.T) {
	f := NewFeed[int](100, 0, nil)
	r := f.Reader(0, true)
	defer r.Close()
	appendInts(f, 0, 5)
	f.Close()
	var got []int
	for i := range 3 {
		items, _, done := r.Take(nil, 2)
		got = append(got, items...)
		if done != (i == 2) {
			t.Fatalf("take %d: done is %v", i, done)
		}
		select {
		case <-r.More():
		default:
			t.Fatalf("take %d: More is not told although there is more, or the feed has ended", i)
		}
	}
	if !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Fatalf("got %v", got)
	}
}

func TestFeedResumesAfterANumber(t *testing.T) {
	f := NewFeed[int](100, 0, nil)
	appendInts(f, 0, 10)
	items, lost, _ := f.Reader(7, false).Take(nil, 0)
	if !slices.Equal(items, []int{7, 8, 9}) || lost != 0 {
		t.Fatalf("after number 7: got %v, lost %d", items, lost)
	}
}

// TestFeedTellsANewReaderWhatIsThere: nothing may follow, and then nothing else would wake it.
func TestFeedTellsANewReaderWhatIsThere(t *testing.T) {
	f := NewFeed[int](4, 0, nil)
	f.Append(1, nil)
	old, late := f.Reader(0, false), f.Reader(1, false)
	defer old.Close()
	defer late.Close()
	select {
	case <-old.More():
	default:
		t.Error("a reader that has something to read is not told")
	}
	select {
	case <-late.More():
		t.Error("a reader that has nothing to read is told of it")
	default:
	}
	f.Close()
	closed := f.Reader(1, false)
	defer closed.Close()
	select {
	case <-closed.More():
	default:
		t.Error("a reader of a closed feed is not told")
	}
}

// TestFeedHoldsALargeItemForALosslessReader: what it pushes out for its size, somebody still needs.
func TestFeedHoldsALargeItemForALosslessReader(t *testing.T) {
	f := NewFeed(100, 10, func(s string) int { return len(s) })
	r := f.Reader(0, true)
	defer r.Close()
	f.Append("small", nil)
	published := make(chan struct{})
	go func() { defer close(published); f.Append("larger than what is left", nil) }()
	var got []string
	for len(got) < 2 {
		<-r.More()
		items, lost, _ := r.Take(nil, 0)
		if lost > 0 {
			t.Fatalf("a lossless reader has lost %d", lost)
		}
		got = append(got, items...)
	}
	<-published
}
