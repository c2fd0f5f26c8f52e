//! For tests only: golden scripts, generators, peers over the wire, the rules of the house.
