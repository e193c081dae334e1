//! Each binary is the program of the same name in `../programs`, changed as the hint of its
//! rejection requires.
#![no_std]
