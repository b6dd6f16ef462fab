#pragma once

#include <cstddef>

namespace sluice {

// A node that links itself into at most one list and leaves it when destroyed. Tag keeps lists of different
// purposes apart when one object is in two of them.
template <class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const noexcept { return next_ != nullptr; }

  void unlink() noexcept {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class, class>
  friend class IntrusiveList;
  ListNode* prev_ = nullptr;
  ListNode* next_ = nullptr;
};

// A doubly linked list through its elements, which derive from ListNode<Tag>. It owns nothing: an element
// that is destroyed removes itself, a list that is destroyed only forgets its elements.
template <class T, class Tag = void>
class IntrusiveList {
 public:
  using Node = ListNode<Tag>;

  IntrusiveList() { root_.prev_ = root_.next_ = &root_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty())
      root_.next_->unlink();
    root_.prev_ = root_.next_ = nullptr;
  }

  bool empty() const noexcept { return root_.next_ == &root_; }
  T& front() noexcept { return static_cast<T&>(*root_.next_); }
  T& back() noexcept { return static_cast<T&>(*root_.prev_); }

  void push_back(T& element) noexcept { insert_before(root_, element); }
  void push_front(T& element) noexcept { insert_before(*root_.next_, element); }

  T* pop_front() noexcept {
    if (empty()) return nullptr;
    Node* node = root_.next_;
    node->unlink();
    return static_cast<T*>(node);
  }

  // Moves all elements of `other` to the end of this list.
  void splice_back(IntrusiveList& other) noexcept {
    while (T* element = other.pop_front())
      push_back(*element);
  }

  template <class F>
  void for_each(F&& visit) {
    for (Node* node = root_.next_; node != &root_;) {
      Node* next = node->next_;
      visit(static_cast<T&>(*node));
      node = next;
    }
  }

 private:
  static void insert_before(Node& where, Node& node) noexcept {
    node.unlink();
    node.prev_ = where.prev_;
    node.next_ = &where;
    where.prev_->next_ = &node;
    where.prev_ = &node;
  }

  Node root_;
};

}  // namespace sluice
