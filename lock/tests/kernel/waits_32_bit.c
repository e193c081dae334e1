/* Waits seven times for a futex, 5 ms each, as a 32-bit program without a C library. */
static int word;
static long call(long number, long a, long b, long c, long d)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return result;
}
void _start(void)
{
	long timeout[2] = {0, 5000000};
	for (int i = 0; i < 7; i++)
		call(240, (long)&word, 128, 0, (long)timeout);
	call(1, 0, 0, 0, 0);
}
