#![no_std] //~ ERROR panic-handler-missing
#![no_main]
