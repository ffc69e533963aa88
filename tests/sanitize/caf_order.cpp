/// Shows the thread sanitizer how CAF orders its actors' work. Debian's CAF is not instrumented: the sanitizer sees
/// what our code does on both sides of a mailbox and nothing of the mailbox itself, so that every message would look
/// like a race. The functions here take the place of CAF's own. Linked into programs of the thread sanitizer only.
///
/// What CAF promises, and what is said of it here:
/// - what a sender did before it enqueued a message comes before what the receiver does with it;
/// - whatever one actor does comes before what it does later, on whichever worker;
/// - whatever was done to an object comes before its end, when its last reference is given up.

#include <cstdlib>

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <caf/actor_control_block.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/ref_counted.hpp>
#include <caf/scheduled_actor.hpp>

namespace {

/// The function of CAF's that the one of that name here stands in for.
template <class Function>
Function* caf_function(const char* name) {
  void* found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

} // namespace

namespace caf {

// The counters, compiled here as they stand in CAF 0.17.6, so that the sanitizer sees them.

void ref_counted::deref() const noexcept {
  if (unique() || rc_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    request_deletion(true);
  }
}

void intrusive_ptr_release_weak(actor_control_block* x) {
  if (x->weak_refs == 1 || x->weak_refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    x->block_dtor(x);
  }
}

void intrusive_ptr_release(actor_control_block* x) {
  if (x->strong_refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    x->data_dtor(x->get());
    intrusive_ptr_release_weak(x);
  }
}

// Mailboxes: a message is handed over by its address.

void scheduled_actor::enqueue(mailbox_element_ptr ptr, execution_unit* eu) {
  static auto* const original = caf_function<void(scheduled_actor*, mailbox_element_ptr, execution_unit*)>(
    "_ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE");
  __tsan_release(ptr.get());
  original(this, std::move(ptr), eu);
}

void blocking_actor::enqueue(mailbox_element_ptr ptr, execution_unit* eu) {
  static auto* const original = caf_function<void(blocking_actor*, mailbox_element_ptr, execution_unit*)>(
    "_ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE");
  __tsan_release(ptr.get());
  original(this, std::move(ptr), eu);
}

intrusive::task_result blocking_actor::mailbox_visitor::operator()(mailbox_element& x) {
  static auto* const original = caf_function<intrusive::task_result(mailbox_visitor*, mailbox_element&)>(
    "_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE");
  __tsan_acquire(&x);
  return original(this, x);
}

/// What nobody took before the actor ended.
void detail::sync_request_bouncer::operator()(const mailbox_element& x) const {
  static auto* const original = caf_function<void(const sync_request_bouncer*, const mailbox_element&)>(
    "_ZNK3caf6detail20sync_request_bouncerclERKNS_15mailbox_elementE");
  __tsan_acquire(const_cast<mailbox_element*>(&x));
  original(this, x);
}

mailbox_element_ptr blocking_actor::dequeue() {
  static auto* const original = caf_function<mailbox_element_ptr(blocking_actor*)>("_ZN3caf14blocking_actor7dequeueEv");
  auto taken = original(this);
  __tsan_acquire(taken.get());
  return taken;
}

// Actors: `launch` hands one to its first worker, `activate` begins a turn on a worker, `reactivate` handles one
// message of it.

void scheduled_actor::launch(execution_unit* eu, bool lazy, bool hide) {
  static auto* const original = caf_function<void(scheduled_actor*, execution_unit*, bool, bool)>(
    "_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb");
  __tsan_release(this);
  original(this, eu, lazy, hide);
}

bool scheduled_actor::activate(execution_unit* ctx) {
  static auto* const original = caf_function<bool(scheduled_actor*, execution_unit*)>(
    "_ZN3caf15scheduled_actor8activateEPNS_14execution_unitE");
  __tsan_acquire(this);
  const bool alive = original(this, ctx);
  __tsan_release(this);
  return alive;
}

scheduled_actor::activation_result scheduled_actor::reactivate(mailbox_element& x) {
  static auto* const original = caf_function<activation_result(scheduled_actor*, mailbox_element&)>(
    "_ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE");
  __tsan_acquire(&x);
  const auto result = original(this, x);
  __tsan_release(this);
  return result;
}

} // namespace caf
