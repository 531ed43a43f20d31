"""Finance: prices and, later, statements. Pure functions of facts."""
