// SPDX-License-Identifier: GPL-2.0-or-later
// IsZeroPage: the test that every page of a vmcore goes through.
#pragma once

#include "common/base/bytes.h"

namespace crashdump {

// Whether all bytes are zero; page.size() is a multiple of 64. The words of one cache line at a time are or-ed
// together, which the compiler turns into vector code: most pages with data are told by their first line. Measured on
// x86_64, this is as fast as comparing the page with itself through glibc's memcmp (AVX2), and musl's memcmp goes byte
// by byte.
bool IsZeroPage(Bytes page);

}  // namespace crashdump
