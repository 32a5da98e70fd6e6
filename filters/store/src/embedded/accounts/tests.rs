mod counters;
mod places;
