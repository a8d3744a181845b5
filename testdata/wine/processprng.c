/* Go's runtime takes its first random bytes from ProcessPrng of bcryptprimitives.dll, which Wine before 8.14 does not have.
   This is that function, by way of the one that Wine does have (RtlGenRandom, whose exported name is the one below). */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count)
{
	return SystemFunction036(bytes, (ULONG)count);
}
