//! roost: a BGP speaker and route reflector for Kubernetes node meshes.

pub mod api;
pub mod cli;
pub mod config;
