"""`outlay demo`: a first look, with nothing to set up and nothing to pay.

The real server, the stand-in provider, and two weeks of a small invented company, played through the real path in
half a minute. What is shown afterwards was metered, priced and journalled like any call.
"""
