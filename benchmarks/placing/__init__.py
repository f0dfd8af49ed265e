"""Problems for the placement benchmark, and rivals of the solver."""
