"""What wsgi_auth costs, as ratios in one run: ``python -m benchmarks`` (``make bench``).

Method:

* Ratios only. A machine's microseconds are comparable to nothing, and a shared one changes its
  speed under the benchmark; what ran in the same millisecond has the same weather.
* One process, one interleaved run: a round is one batch of every case, in shuffled order. A ratio
  is the median over all rounds of the ratios within one round.
* Thread CPU time; the garbage collector is off within a batch and runs between batches.
* A case is a whole call, ``app(environ, start_response)``, with an application that says hello (and
  reads the user's id where somebody is signed in).

Units: **N** is a class that does nothing but call the application. **F** is the hand-written reader
of a signed session, plain standard library. Answers have a hand-written counterpart each, too. All
of these are in :mod:`benchmarks.floors`, and read the same cookies as we do.
"""
