%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The functions that operators and Kazoo call.
-module(kazoo_numbers_exports_SUITE).

-export([all/0]).
-export([functions_of_the_stock_module_are_exported/1, table_of_commands_is_the_export_list/1, exported_functions_have_specs_with_names/1
        ,exported_functions_are_documented/1, kazoo_commands_are_in_the_table/1
        ]).

all() ->
    [functions_of_the_stock_module_are_exported
    ,table_of_commands_is_the_export_list
    ,exported_functions_have_specs_with_names
    ,exported_functions_are_documented
    ,kazoo_commands_are_in_the_table
    ].

%% The operators' manual has 38 of them. Kazoo and scripts call the others.
stock_functions() ->
    lists:sort(
      [{add_allowed_feature_on_number, 2}
      ,{add_allowed_feature_on_reseller_of, 2}
      ,{add_allowed_feature_on_system_config, 1}
      ,{add_denied_feature_on_number, 2}
      ,{add_denied_feature_on_reseller_of, 2}
      ,{all_features, 0}
      ,{app_using, 2}
      ,{carrier_module_usage, 0}
      ,{carrier_module_usage, 1}
      ,{convert_carrier_module, 2}
      ,{convert_carrier_module, 3}
      ,{convert_carrier_module_number, 2}
      ,{copy_accounts_to_number_dbs, 0}
      ,{copy_accounts_to_number_dbs, 1}
      ,{copy_assigned_number_dbs_to_account, 1}
      ,{copy_number_dbs_to_accounts, 0}
      ,{copy_number_dbs_to_accounts, 1}
      ,{copy_number_from_accountdb_to_numbdb, 2}
      ,{copy_number_from_db_to_assigned_account, 1}
      ,{copy_numbers_from_accountdb_to_numbdbs, 2}
      ,{copy_numbers_from_dbs_to_assigned_accounts, 1}
      ,{copy_single_account_to_number_dbs, 1}
      ,{copy_single_assigned_number_db_to_account, 2}
      ,{copy_single_number_db_to_accounts, 1}
      ,{copy_single_number_to_account_db, 2}
      ,{delete, 1}
      ,{destructively_remove_from_account_db_if_not_in_numdb, 0}
      ,{destructively_remove_from_number_dbs_if_not_in_accountdb, 0}
      ,{destructively_remove_from_single_account_db_if_not_in_numdb, 1}
      ,{destructively_remove_from_single_numdb_if_not_in_accountdb, 1}
      ,{ensure_adminonly_features_are_reachable, 0}
      ,{feature_permissions_on_number, 1}
      ,{feature_permissions_on_reseller_of, 1}
      ,{feature_permissions_on_system_config, 0}
      ,{fix_account_db_numbers, 1}
      ,{fix_apps_for_account_dbs, 0}
      ,{fix_apps_for_account_dbs, 1}
      ,{fix_apps_for_number_dbs, 0}
      ,{fix_apps_for_number_dbs, 1}
      ,{fix_apps_for_single_account_db, 1}
      ,{fix_apps_for_single_number_db, 1}
      ,{fix_apps_in_number_dbs_for_accounts, 1}
      ,{fix_apps_in_number_dbs_for_single_account, 1}
      ,{fix_number, 2}
      ,{fix_numbers, 2}
      ,{fix_numbers_apps_in_accountdb, 2}
      ,{fix_numbers_apps_in_numbdb, 1}
      ,{generate_js_classifiers, 1}
      ,{generate_numbers, 4}
      ,{init_dbs, 0}
      ,{migrate, 0}
      ,{migrate_port_requests, 0}
      ,{migrate_unassigned_numbers, 0}
      ,{migrate_unassigned_numbers, 1}
      ,{purge_deleted, 0}
      ,{purge_deleted, 1}
      ,{purge_discovery, 0}
      ,{purge_discovery, 1}
      ,{refresh_numbers_db, 1}
      ,{refresh_numbers_dbs, 0}
      ,{register_views, 0}
      ,{remove_allowed_feature_on_number, 2}
      ,{remove_allowed_feature_on_reseller_of, 2}
      ,{remove_allowed_feature_on_system_config, 1}
      ,{remove_denied_feature_on_number, 2}
      ,{remove_denied_feature_on_reseller_of, 2}
      ,{remove_wrong_assigned_from_accounts, 0}
      ,{remove_wrong_assigned_from_single_accountdb, 1}
      ,{reset_allowed_features_to_defaults_on_system_config, 0}
      ,{update_number_services_view, 1}
      ]).

exported() ->
    lists:sort(kazoo_numbers_maintenance:module_info(exports) -- [{module_info, 0}, {module_info, 1}]).

table() ->
    #{commands := Commands} = kazoo_numbers_native:info(),
    lists:sort([{binary_to_atom(Name, utf8), Arity} || {Name, Arity} <- Commands]).

%% The native side does not know these: dry runs of any command.
commands_in_erlang() -> [{dry_run, 1 + Arity} || Arity <- [0, 1, 2, 3]].

functions_of_the_stock_module_are_exported(_Config) ->
    70 = length(stock_functions()),
    [] = stock_functions() -- exported().

table_of_commands_is_the_export_list(_Config) ->
    [] = table() -- exported(),
    [] = (exported() -- table()) -- commands_in_erlang(),
    [] = [Command || {_, Arity} = Command <- table() -- stock_functions(), Arity > 4].

exported_functions_have_specs_with_names(_Config) ->
    Specs = [Spec || {attribute, _, spec, Spec} <- abstract_code()],
    [] = exported() -- [Function || {Function, _} <- Specs],
    [] = [Function || {{_, Arity} = Function, [{type, _, 'fun', [{type, _, product, Arguments}, _]}]} <- Specs,
                      Arity =/= length([named || {ann_type, _, _} <- Arguments])].

exported_functions_are_documented(_Config) ->
    {ok, Source} = file:read_file(proplists:get_value(source, kazoo_numbers_maintenance:module_info(compile))),
    [] = [Function || {Name, _} = Function <- exported(),
                      re:run(Source, ["%% @doc [^-]*\n-spec ", atom_to_list(Name), "\\("]) =:= nomatch].

kazoo_commands_are_in_the_table(_Config) ->
    Erlang = [Function || {Name, Arity} = Function <- table(), kazoo_numbers_kazoo_commands:is_command(atom_to_binary(Name, utf8), Arity)],
    15 = length(Erlang),
    %% Without Kazoo each of them is refused.
    lists:foreach(fun({Name, Arity}) ->
                          {no_return, 1} = apply(kazoo_numbers_maintenance, Name, lists:duplicate(Arity, <<"x">>))
                  end
                 ,Erlang
                 ).

abstract_code() ->
    {ok, {_, [{abstract_code, {raw_abstract_v1, Forms}}]}} =
        beam_lib:chunks(code:which(kazoo_numbers_maintenance), [abstract_code]),
    Forms.
