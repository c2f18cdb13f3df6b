"""Tests of online policies."""
