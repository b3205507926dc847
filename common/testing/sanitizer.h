// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the tests run under the address sanitizer, which replaces some calls of the C library.
#pragma once

namespace crashdump::testing {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kIsAddressSanitized = true;
#else
inline constexpr bool kIsAddressSanitized = false;
#endif
#endif

}  // namespace crashdump::testing
