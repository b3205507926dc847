// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/unprivileged.h"

#include <elf.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "common/base/lock_memory.h"

namespace crashdump {
namespace {

constexpr unsigned kNobody = 65534;

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__i386__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_I386;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
#elif defined(__powerpc64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_PPC64;
#endif

// What memory, threads, clocks and open descriptors need, in musl, glibc and the sanitizers.
constexpr auto kAllowed = std::to_array<uint32_t>({
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_close,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_set_robust_list,
    SYS_gettid,
    SYS_getpid,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_exit,
    SYS_exit_group,
    SYS_nanosleep,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getrandom,
    SYS_membarrier,
    SYS_rseq,
    SYS_restart_syscall,
    SYS_set_tid_address,
#ifdef SYS_clock_gettime
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_gettimeofday,
#endif
#ifdef SYS_clock_gettime64
    // 32-bit machines: the C library tries those with 64-bit times first, and the others before Linux 5.1. musl names
    // these so that nobody calls them by mistake.
    SYS_clock_gettime64,
    SYS_clock_nanosleep_time64,
    SYS_futex_time64,
    SYS_sigreturn,
#endif
#ifdef SYS_clock_gettime32
    SYS_clock_gettime32,
    SYS_clock_nanosleep_time32,
    SYS_gettimeofday_time32,
#endif
});

// The program of a seccomp filter, piece by piece.
class Filter {
 public:
  Filter() {
    // Numbers mean something else to another architecture's entry.
    Load(offsetof(seccomp_data, arch));
    Jump(BPF_JEQ, kArchitecture, 1, 0);
    Return(SECCOMP_RET_KILL_PROCESS);
    Load(offsetof(seccomp_data, nr));
  }

  void Allow(uint32_t number) {
    Jump(BPF_JEQ, number, 0, 1);
    Return(SECCOMP_RET_ALLOW);
  }
  void Fail(uint32_t number, int error) {
    Jump(BPF_JEQ, number, 0, 1);
    Return(SECCOMP_RET_ERRNO | static_cast<uint32_t>(error));
  }
  // Allowed if all, or none, of these bits are set in an argument.
  void AllowWith(uint32_t number, unsigned argument, uint32_t bits) { AllowIf(number, argument, bits, true); }
  void AllowWithout(uint32_t number, unsigned argument, uint32_t bits) { AllowIf(number, argument, bits, false); }

  Result<> Install() {
    Return(SECCOMP_RET_KILL_PROCESS);
    const sock_fprog program = {.len = static_cast<unsigned short>(code_.size()), .filter = code_.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::Os(errno, "no new privileges");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &program) == 0) return {};
    if (errno == ENOSYS || errno == EINVAL) return Error::Format(ErrorCode::kUnsupported, "no seccomp in this kernel");
    return Error::Os(errno, "seccomp");
  }

 private:
  void Load(size_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset))); }
  void Return(uint32_t action) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }
  void Jump(uint16_t test, uint32_t value, uint8_t if_true, uint8_t if_false) {
    code_.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | BPF_K | test), value, if_true, if_false));
  }
  void AllowIf(uint32_t number, unsigned argument, uint32_t bits, bool set) {
    constexpr size_t kLowWord = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : sizeof(uint32_t);
    Jump(BPF_JEQ, number, 0, 4);
    Load(offsetof(seccomp_data, args) + argument * sizeof(uint64_t) + kLowWord);
    Jump(BPF_JSET, bits, set ? 0 : 1, set ? 1 : 0);
    Return(SECCOMP_RET_ALLOW);
    Return(SECCOMP_RET_KILL_PROCESS);
  }

  std::vector<sock_filter> code_;
};

Result<> CloseAllBut(std::span<const int> descriptors) {
  std::vector<unsigned> kept;
  for (const int descriptor : descriptors) kept.push_back(static_cast<unsigned>(descriptor));
  std::sort(kept.begin(), kept.end());
  unsigned first = 0;
  for (const unsigned descriptor : kept) {
    if (descriptor > first && syscall(SYS_close_range, first, descriptor - 1, 0U) != 0) {
      if (errno != ENOSYS) return Error::Os(errno, "closing descriptors");
      for (unsigned each = first; each < descriptor; ++each) (void)close(static_cast<int>(each));
    }
    first = std::max(first, descriptor + 1);
  }
  if (syscall(SYS_close_range, first, ~0U, 0U) == 0) return {};
  // Linux before 5.9.
  const auto limit = static_cast<unsigned>(std::max(sysconf(_SC_OPEN_MAX), 1024L));
  for (unsigned each = first; each < limit; ++each) (void)close(static_cast<int>(each));
  return {};
}

}  // namespace

Result<> GiveUpPrivileges(std::span<const int> descriptors) {
  TRY(CloseAllBut(descriptors));
  const rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  for (const auto limit : {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE}) {
    if (setrlimit(limit, &none) != 0) return Error::Os(errno, "resource limits");
  }
  // What it holds of keys must not get into the swap. Where memory cannot be locked, dumps are read all the same.
  (void)LockMemory(Privileges::kGivenUpSoon);
  if (geteuid() == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
        setresuid(kNobody, kNobody, kNobody) != 0) {
      return Error::Os(errno, "becoming nobody");
    }
  }
  // Becoming somebody else has made it traceable, and its core files ones for whoever handles them.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error::Os(errno, "not dumpable");
  Filter filter;
  for (const uint32_t number : kAllowed) filter.Allow(number);
    // Memory, but no code; threads, but no processes. The C library does without clone3(2), whose flags no filter can
    // see.
#ifdef SYS_mmap2
  filter.AllowWithout(SYS_mmap2, 2, PROT_EXEC);
#else
  filter.AllowWithout(SYS_mmap, 2, PROT_EXEC);
#endif
  filter.AllowWithout(SYS_mprotect, 2, PROT_EXEC);
  filter.AllowWith(SYS_clone, 0, CLONE_THREAD);
  filter.Fail(SYS_clone3, ENOSYS);
  // Threads are named, and asked how large their stacks may be.
  filter.Fail(SYS_prctl, EPERM);
  filter.Fail(SYS_prlimit64, EPERM);
  return filter.Install();
}

}  // namespace crashdump
